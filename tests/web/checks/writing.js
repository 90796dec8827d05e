import { markdown } from '/web/app/markdown.js';
import { rich } from '/web/app/markup.js';
import { check, equal } from './expect.js';

const html = (nodes) => {
  const place = document.createElement('div');
  place.append(...nodes);
  return place.innerHTML.replaceAll(' target="_blank" rel="noopener noreferrer nofollow"', '').replaceAll(' tabindex="0" role="group"', '');
};
const md = (text) => html(markdown(text));
const eve = { id: 'e1', username: 'Eve', profileImage: null };

check('mentions and hashtags become links, of those who are meant', () => {
  equal(html(rich('@eve and @bob, see #Maths.', [eve])), '<a href="#/people/e1">@eve</a> and @bob, see <a href="#/tag/maths">#Maths</a>.');
  equal(html(rich('(@eve.) is not a@eve nor /x#y nor #1', [eve])), '(<a href="#/people/e1">@eve</a>.) is not a@eve nor /x#y nor #1');
});

check('a name with a full stop is meant before what it begins with', () => {
  const full = { id: 'e2', username: 'eve.', profileImage: null };
  equal(html(rich('@eve. @eve.x', [full])), '<a href="#/people/e2">@eve.</a> @eve.x');
});

check('web addresses become links, other schemes stay text', () => {
  equal(html(rich('see https://a.example/b?c#d. or javascript:alert(1)')), 'see <a href="https://a.example/b?c#d">https://a.example/b?c#d</a>. or javascript:alert(1)');
});

check('markup of others is text', () => {
  const evil = '<img src=x onerror=alert(1)>';
  equal(rich(evil).every((node) => node.nodeType === Node.TEXT_NODE), true);
  equal(md(evil), '<p>&lt;img src=x onerror=alert(1)&gt;</p>');
  equal(md('[x](javascript:alert(1))'), '<p>[x](javascript:alert(1))</p>');
  equal(md('[x](data:text/html,y) <b>'), '<p>[x](data:text/html,y) &lt;b&gt;</p>');
});

check('headings, emphasis, code and links of Markdown', () => {
  equal(md('# One #\n## Two\ntext'), '<h2>One</h2><h3>Two</h3><p>text</p>');
  equal(md('a **b *c*** _d_ `e*f*` ~~g~~ h_i_j 2*3*4'), '<p>a <strong>b <em>c</em></strong> <em>d</em> <code>e*f*</code> <s>g</s> h_i_j 2*3*4</p>');
  equal(md('[a](https://b.example/c_(d)) \\*e\\*'), '<p><a href="https://b.example/c_(d)">a</a> *e*</p>');
  equal(md('one  \ntwo\nthree'), '<p>one<br>two\nthree</p>');
});

check('lists nest, go on and begin where they say', () => {
  equal(md('- a\n- b\n  - c\n\n  more\n- d'), '<ul><li>a</li><li>b<ul><li>c</li></ul><p>more</p></li><li>d</li></ul>');
  equal(md('3. x\n4. y\n\ntext'), '<ol start="3"><li>x</li><li>y</li></ol><p>text</p>');
  equal(md('- a\nb'), '<ul><li>a\nb</li></ul>');
});

check('quotes, rules and fenced code', () => {
  equal(md('> a\n> b\n\n---'), '<blockquote><p>a\nb</p></blockquote><hr>');
  equal(md('```js\nlet <a> = 1;\n\n# no\n```\nafter'), '<pre class="code" aria-label="Code, js"><code>let &lt;a&gt; = 1;\n\n# no</code></pre><p>after</p>');
  equal(md('~~~\nopen'), '<pre class="code" aria-label="Code"><code>open</code></pre>');
});

check('no text takes long', () => {
  const long = 50_000;
  const evil = ['*', '**a', '[', '`', '_', '> ', '- ', '\n', '# ', '- \n', '<https://', '[a](https://', '    - a\n', ' '].map((each) => each.repeat(long / each.length));
  for (const text of [...evil, `# ${' '.repeat(long)}x`, `- a${'\n'.repeat(long)}`]) {
    let took = Infinity; // the least of some tries: a busy machine delays single ones
    for (let attempt = 0; attempt < 5 && took > 1500; attempt += 1) {
      const begin = performance.now();
      markdown(text);
      rich(text, [eve]);
      took = Math.min(took, performance.now() - begin);
    }
    if (took > 1500) throw new Error(`${JSON.stringify(text.slice(0, 12))} took ${Math.round(took)} ms`);
  }
});
