/** Light, dark, or as the system says. */
const KEY = 'mediaserver.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

export const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';

/** Switch to the other one; the system's own choice is not stored, so that it is followed again. */
export function toggleTheme() {
  const next = isDark() ? 'light' : 'dark';
  if ((next === 'dark') === dark.matches) {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem(KEY, next);
  }
}
