/* Runs before the first paint: the chosen theme, so that the page does not flash. */
(function () {
  try {
    var theme = localStorage.getItem('mediaserver.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch (error) { /* no storage: the system's theme */ }
})();
