/** Elements without a framework: `h` makes one, `fill` replaces the content of another. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] `on…` are listeners, `class`, `text`; true and false switch attributes; others are attributes
 * @param {...(Node | string | null | false)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PROPERTIES = new Set(['value', 'checked', 'muted', 'srcObject', 'autoplay', 'playsInline', 'open', 'indeterminate']);

function setProp(element, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (name === 'class') element.className = value;
  else if (name === 'text') element.textContent = value;
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (value === true) element.setAttribute(name, '');
  else if (value !== false) element.setAttribute(name, String(value));
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Like `fill`, for content that is drawn anew: the control that had the focus has it again, found by its name. */
export function redraw(element, ...children) {
  const focused = element.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  fill(element, ...children);
  if (focused) [...element.querySelectorAll('a, button, input, select, textarea')].find((each) => nameOf(each) === focused)?.focus({ preventScroll: true });
  return element;
}

const nameOf = (control) => [control.localName, control.getAttribute('aria-label') ?? control.getAttribute('name') ?? control.textContent].join(' ');

/** Show or hide without touching the layout rules of the element. */
export function show(element, visible) {
  element.hidden = !visible;
}
