/** Single keys for the room's controls; never while somebody is writing or in a dialog. */

/** @param {Record<string, () => void>} keys @returns {() => void} switches them off */
export function shortcuts(keys) {
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.('input, textarea, select, dialog, [contenteditable], [popover]')) return;
    const run = keys[event.key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}
