/**
 * Which view is shown for which address. A view of a `keep` route that is left by a link waits, and comes back as it was,
 * scrolled as it was, when one goes back; all others are closed when they are left.
 */
const KEPT = 6;
let made = 0;

export class Router {
  /**
   * @param {{path: RegExp, view: Function, keep?: boolean}[]} routes
   * @param {{choose: (route: object | undefined, path: string) => string | null, make: (route: object, ...parts: string[]) => object,
   *   show: (view: object, route: object) => void}} owner
   *   `choose` may send people elsewhere, `make` makes a view of what its address names, `show` puts it on the page
   */
  constructor(routes, { choose, make, show }) {
    Object.assign(this, { routes, choose, make, show });
    this.current = null;
    this.depth = 0;
    /** @type {Map<string, object>} places that wait, by their number in the history */
    this.kept = new Map();
    // What `go` and links show at once is there already when this event comes, in a later task.
    addEventListener('hashchange', () => (history.state?.number && history.state.number === this.current?.number) || this.draw());
    document.addEventListener('click', (event) => this.#follow(event));
    history.scrollRestoration = 'manual';
  }

  go(path) {
    const fresh = location.hash === `#${path}`;
    if (!fresh) location.hash = path;
    this.draw({ fresh });
  }

  /**
   * A link to one of our pages shows it, and moves the focus there, within the click event: with the browser's own navigation
   * keys that are pressed until `hashchange` would go to the page that is left.
   */
  #follow(event) {
    const href = event.target.closest?.('a[href^="#/"]')?.getAttribute('href');
    const plain = event.button === 0 && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!href || !plain || href === location.hash) return;
    event.preventDefault();
    this.go(href.slice(1));
  }

  /** Show what the address says; `fresh`: made anew in any case. */
  draw({ fresh = false } = {}) {
    const path = location.hash.slice(1);
    const route = this.routes.find((each) => each.path.test(path));
    const elsewhere = this.choose(route, path);
    if (elsewhere !== null) return void this.go(elsewhere);
    const number = this.#number();
    this.#leave(fresh || number === this.current?.number);
    const kept = this.kept.get(number);
    this.kept.delete(number);
    const same = Boolean(kept) && !fresh;
    if (kept && !same) kept.view.close?.();
    this.current = same ? kept : { number, route, view: this.make(route, ...partsOf(route, path)) };
    this.show(this.current.view, route);
    this.#arrive(same);
  }

  /** Nothing that waits fits any more: somebody else is signed in. */
  forget() {
    for (const { view } of this.kept.values()) view.close?.();
    this.kept.clear();
    if (this.current) this.current.route = { ...this.current.route, keep: false };
  }

  /** To where one came from; to `otherwise` when that is not one of our pages. */
  back(otherwise = '/') {
    if (history.state?.depth > 0) history.back();
    else this.go(otherwise);
  }

  /** Each entry of the browser's history gets a number of its own; one that has it already was there before. */
  #number() {
    if (!history.state?.number) {
      const number = `${Date.now()}.${made += 1}`;
      history.replaceState({ number, depth: this.current ? this.depth + 1 : 0 }, '');
    }
    this.depth = history.state.depth;
    return history.state.number;
  }

  #leave(forGood) {
    const { current } = this;
    if (!current) return;
    if (!current.route.keep || forGood) return void current.view.close?.();
    Object.assign(current, { scroll: scrollY, focus: document.activeElement });
    this.kept.set(current.number, current);
    const [oldest] = this.kept.keys();
    if (this.kept.size <= KEPT) return;
    this.kept.get(oldest).view.close?.();
    this.kept.delete(oldest);
  }

  #arrive(back) {
    const { current } = this;
    if (back) {
      current.view.shown?.();
      if (current.view.element.contains(current.focus)) current.focus.focus({ preventScroll: true });
    }
    scrollTo(0, back ? current.scroll : 0);
  }
}


const partsOf = (route, path) => path.match(route.path).slice(1).map((each) => each && decoded(each));

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
