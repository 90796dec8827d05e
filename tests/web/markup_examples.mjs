// Reads examples as JSON, prints what the web client's markup finds in the text of each.
const { found } = await import(`${process.argv[2]}/markup.js`);
let input = '';
for await (const chunk of process.stdin) input += chunk;
console.log(JSON.stringify(JSON.parse(input).map(({ text }) => found(text))));
