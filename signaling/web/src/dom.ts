/** Parts of the page's own HTML, which are there. */

/** The first element within `parent` that fits; that there is one is up to `index.html`. */
export function part<Kind extends Element = HTMLElement>(selector: string, parent: ParentNode = document): Kind {
  const found = parent.querySelector<Kind>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}
