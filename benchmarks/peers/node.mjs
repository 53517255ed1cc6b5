// One engine in Node: node node.mjs ENGINE SECTIONS.jsonl; then a question a line, an answer a line.
// Timed is the processor's time of this whole process, its collector of garbage included.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { create, insertMultiple, search } from "@orama/orama";
import lunr from "lunr";
import MiniSearch from "minisearch";

const [engine, file] = process.argv.slice(2);
const lines = (stream) => createInterface({ input: stream, crlfDelay: Infinity });
const sections = [];
for await (const line of lines(createReadStream(file))) sections.push(JSON.parse(line));

const counted = (ids, category) => {
  const counts = new Map();
  for (const id of ids) counts.set(category(id), (counts.get(category(id)) ?? 0) + 1);
  return ids.length;
};

const makers = {
  minisearch() {
    const index = new MiniSearch({
      fields: ["body"],
      storeFields: ["category"],
      tokenize: (text) => text.split(" "),
      processTerm: (term) => term,
    });
    index.addAll(sections);
    return ({ words, category, counted: all }) => {
      const filter = category ? (result) => result.category === category : undefined;
      const found = index.search(words.join(" "), { filter });
      return all ? counted(found, (result) => result.category) : found.slice(0, 10).length;
    };
  },
  async orama() {
    const index = create({ schema: { body: "string", category: "enum" } });
    await insertMultiple(index, sections, 1000);
    return async ({ words, category, counted: all }) => {
      const where = category ? { category: { eq: category } } : undefined;
      const facets = all ? { category: { limit: 100 } } : undefined;
      const found = await search(index, { term: words.join(" "), properties: ["body"], limit: 10, where, facets });
      return all ? found.count : found.hits.length;
    };
  },
  lunr() {
    const index = lunr(function () {
      this.ref("id");
      this.field("body");
      this.pipeline.reset();
      this.searchPipeline.reset();
      for (const section of sections) this.add(section);
    });
    return ({ words, category, counted: all }) => {
      if (category) return null; // it would find the whole category
      const found = index.search(words.join(" "));
      return all ? counted(found, (result) => sections[Number(result.ref)].category) : found.slice(0, 10).length;
    };
  },
};

const once = await makers[engine]();
const timed = async (question) => {
  const started = process.cpuUsage();
  await once(question);
  const { user, system } = process.cpuUsage(started);
  return user + system;
};

console.log("ready");
for await (const line of lines(process.stdin)) {
  const question = JSON.parse(line);
  const found = await once(question);
  if (found === null) {
    console.log("null");
    continue;
  }
  const spent = [await timed(question)];
  if (spent[0] < question.quick) spent.push(await timed(question), await timed(question));
  const microseconds = spent.sort((a, b) => a - b)[spent.length >> 1];
  console.log(JSON.stringify({ microseconds, found }));
}
