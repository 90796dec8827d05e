/** As much of a document as `markdown` needs, in which every element, attribute and listener can be looked at. */

class Text {
  constructor(data) {
    this.data = String(data);
  }
}

class Element {
  constructor(localName) {
    Object.assign(this, { localName, attributes: new Map(), listeners: [], childNodes: [] });
  }

  setAttribute(name, value) {
    this.attributes.set(name, String(value));
  }

  addEventListener(type) {
    this.listeners.push(type);
  }

  append(...children) {
    this.childNodes.push(...children.map((child) => (typeof child === 'string' ? new Text(child) : child)));
  }

  set className(value) {
    this.setAttribute('class', value);
  }

  set textContent(value) {
    this.childNodes = [new Text(value)];
  }

  set innerHTML(value) {
    throw new Error(`innerHTML = ${value}`);
  }

  set outerHTML(value) {
    throw new Error(`outerHTML = ${value}`);
  }
}

export const isText = (node) => node instanceof Text;

globalThis.document = {
  createElement: (name) => new Element(name),
  createTextNode: (data) => new Text(data),
};
