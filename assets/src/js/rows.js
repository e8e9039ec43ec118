// A draft's rows may have other numbers and another count than the rows on the page; the page takes them over, in order.
export function takeRows(body, key, entries, add) {
  const pattern = new RegExp(`^${key}-(\\d+)-`);
  const numbers = [...new Set(entries.map(([name]) => name.match(pattern)?.[1]).filter(Boolean))].map(Number).sort((one, other) => one - other);
  while (body.children.length < numbers.length) add();
  while (body.children.length > numbers.length) body.lastElementChild.remove();
  numbers.forEach((number, at) => {
    for (const element of body.children[at].querySelectorAll("[name]")) element.name = element.name.replace(pattern, `${key}-${number}-`);
  });
  return numbers.length ? numbers[numbers.length - 1] + 1 : 0;
}
