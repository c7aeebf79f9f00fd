/**
 * The library's types as one file, which stands beside the built module: of what TypeScript declares of each source,
 * that which somebody outside can come by. Names are told apart by nothing but themselves there, so two that mean
 * different things end the build.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "vite";

const HEAD = "/** Types of /client.js, the client library of Volley. */\n";
const PROJECT = fileURLToPath(new URL("tsconfig.declarations.json", import.meta.url));
const COMMENT = /\/\*[^]*?\*\//g;
/** Without those of fields, which name nothing but themselves. */
const WORD = /[A-Za-z_$][\w$]*(?![\w$]|\??:)/g;

/** What a source passes on of another one. */
interface Passed {
  from: string;
  /** Without: all of it. */
  names: { name: string; isType: boolean }[] | null;
  isType: boolean;
}

interface Source {
  /** Sources that are named in it. */
  uses: string[];
  passed: Passed[];
  /** Of every declaration its name, its text, and whether others see it. */
  parts: { name: string; text: string; isShown: boolean }[];
}

type Statement = ReturnType<typeof parseAst>["body"][number];

export function declarations(): string {
  const folder = mkdtempSync(join(tmpdir(), "volley-types-"));
  try {
    const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    execFileSync(process.execPath, [compiler, "-p", PROJECT, "--outDir", folder], { stdio: ["ignore", 2, 2] });
    return inOneFile(join(folder, "index.d.ts"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function inOneFile(entry: string): string {
  const sources = new Map<string, Source>();
  load(entry, sources);
  const shown = shownBy(entry, sources);
  const texts = needed([...shown.keys()], [...sources.values()].flatMap(({ parts }) => parts));
  const list = (isType: boolean) => [...shown].filter(([, one]) => one === isType).map(([name]) => `  ${name},\n`).join("");
  return `${HEAD}${texts.join("\n")}\nexport {\n${list(false)}};\nexport type {\n${list(true)}};\n`;
}

function load(path: string, sources: Map<string, Source>): void {
  if (sources.has(path)) return;
  const source = read(path);
  sources.set(path, source);
  for (const other of source.uses) load(other, sources);
}

function read(path: string): Source {
  const source: Source = { uses: [], passed: [], parts: [] };
  const fileOf = (from: string) => join(dirname(path), from.replace(/\.[jt]s$/, ".d.ts"));
  const code = readFileSync(path, "utf8").replace(/import\("(\.[^"]+)"\)\./g, (_, from) => {
    source.uses.push(fileOf(from));
    return "";
  });
  let end = 0;
  for (const statement of parseAst(code, { lang: "dts" }, path).body) {
    const doc = code.slice(end, statement.start).match(COMMENT)?.at(-1);
    end = statement.end;
    if ("source" in statement && statement.source) source.uses.push(fileOf(statement.source.value));
    const passed = passedBy(statement, fileOf);
    if (passed) source.passed.push(passed);
    else if (!isList(statement)) source.parts.push(partOf(statement, code.slice(statement.start, statement.end), doc));
  }
  return source;
}

/** What names others' declarations, and has none. */
function isList(statement: Statement): boolean {
  return statement.type === "ImportDeclaration" || (statement.type === "ExportNamedDeclaration" && !statement.declaration);
}

function passedBy(statement: Statement, fileOf: (from: string) => string): Passed | null {
  if (statement.type === "ExportAllDeclaration") {
    return { from: fileOf(statement.source.value), names: null, isType: statement.exportKind === "type" };
  }
  if (statement.type !== "ExportNamedDeclaration" || !statement.source) return null;
  const names = statement.specifiers.map(({ local, exported, exportKind }) => {
    if (!("name" in exported) || !("name" in local) || local.name !== exported.name) throw new Error("a source passes something on under another name");
    return { name: exported.name, isType: exportKind === "type" };
  });
  return { from: fileOf(statement.source.value), names, isType: statement.exportKind === "type" };
}

function partOf(statement: Statement, text: string, doc = ""): Source["parts"][number] {
  const isShown = statement.type === "ExportNamedDeclaration";
  const declared = isShown ? statement.declaration : statement;
  const named = declared?.type === "VariableDeclaration" ? declared.declarations[0] : declared;
  const id = named && "id" in named ? named.id : null;
  if (id?.type !== "Identifier") throw new Error(`this has no name that others could use: ${text}`);
  return { name: id.name, text: `${doc && `${doc}\n`}${text.replace(/^export /, "")}\n`, isShown };
}

/** By name, whether it is a type alone. */
function shownBy(path: string, sources: ReadonlyMap<string, Source>): Map<string, boolean> {
  const { parts = [], passed = [] } = sources.get(path) ?? {};
  const shown = new Map<string, boolean>();
  for (const { name, text, isShown } of parts) if (isShown) shown.set(name, /^(interface|type) /.test(text.replace(COMMENT, "").trim()));
  for (const { from, names, isType } of passed) {
    const all = shownBy(from, sources);
    for (const one of names ?? [...all].map(([name, isType]) => ({ name, isType }))) {
      shown.set(one.name, isType || one.isType || all.get(one.name) === true);
    }
  }
  return shown;
}

/** The declarations of these names, and of all that those name. */
function needed(names: Iterable<string>, parts: Source["parts"]): string[] {
  const texts: string[] = [];
  const found = new Set(names);
  // Those that are found meanwhile come behind.
  for (const name of found) {
    const alike = parts.filter((part) => part.name === name);
    if (alike.length > 1) throw new Error(`${name} is declared ${alike.length} times in the library's types: give one of them another name`);
    for (const { text } of alike) {
      texts.push(text);
      for (const [word] of text.replace(COMMENT, "").matchAll(WORD)) if (parts.some((part) => part.name === word)) found.add(word);
    }
  }
  return texts;
}
