/** The title of the page: where one is, before it how much is unread. */
let where = '';
let unread = 0;

const draw = () => { document.title = `${unread ? `(${unread}) ` : ''}${where} · Mediaserver`; };

export function setTitle(text) {
  where = text;
  draw();
}

export function setUnread(count) {
  unread = count;
  draw();
}
