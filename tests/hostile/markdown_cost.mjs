// Measures how long the web client's parsers take: reads {name: text} as JSON, prints {name: {markdown: ms, rich: ms}}.
const node = () => ({
  childNodes: [], set className(_) {}, set textContent(_) {}, setAttribute() {}, addEventListener() {},
  append(...children) { for (const child of children) this.childNodes.push(child); },
});
globalThis.document = { createElement: (localName) => ({ ...node(), localName }), createTextNode: (data) => ({ ...node(), data }) };

const app = process.argv[2];
const { markdown } = await import(`${app}/markdown.js`);
const { rich } = await import(`${app}/markup.js`);
let input = '';
for await (const chunk of process.stdin) input += chunk;

function cost(work) {
  let least = Infinity;
  for (let i = 0; i < 3; i += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const texts = JSON.parse(input);
markdown('warm *up*\n\n- a\n- b\n'.repeat(50));
const costs = Object.entries(texts).map(([name, text]) => [name, { markdown: cost(() => markdown(text)), rich: cost(() => rich(text)) }]);
console.log(JSON.stringify(Object.fromEntries(costs)));
