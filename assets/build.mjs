// Bundles assets/src into the package's static folder. Every .js and .css file in src/, src/js/ and src/css/ that no other
// source imports is a bundle of its own; what is only imported belongs to its importer. Files in src/static/ are copied,
// and src/icons.json ({"our name": "tabler name"}) becomes one sprite.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const target = join(here, "..", "src", "bihuan", "web", "static", "bihuan");
const stampFile = join(target, ".stamp");
const BUNDLED = new Set([".js", ".css"]);

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function fingerprint() {
  const hash = createHash("sha256");
  for (const file of [...filesBelow(source), join(here, "build.mjs"), join(here, "package-lock.json")]) {
    hash.update(file.slice(here.length)).update("\0").update(readFileSync(file));
  }
  return hash.digest("hex");
}

async function bundle(entryPoints, options) {
  return build({
    entryPoints,
    outdir: target,
    entryNames: "[name]",
    bundle: true,
    minify: true,
    metafile: true,
    format: "iife",
    target: ["chrome105", "firefox110", "safari16"],
    assetNames: "files/[name]-[hash]",
    loader: { ".woff": "file", ".woff2": "file", ".ttf": "file", ".eot": "file", ".svg": "file", ".png": "file" },
    legalComments: "none",
    logLevel: "warning",
    absWorkingDir: here,
    ...options,
  });
}

async function entries() {
  const candidates = ["", "js", "css"]
    .map((folder) => join(source, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => BUNDLED.has(extname(file)) && statSync(file).isFile());
  const { metafile } = await bundle(candidates, { write: false });
  const imported = new Set(Object.values(metafile.inputs).flatMap((input) => input.imports.map((one) => one.path)));
  return candidates.filter((file) => !imported.has(relative(here, file).replaceAll("\\", "/")));
}

function sprite(names) {
  const folder = join(here, "node_modules", "@tabler", "icons", "icons");
  const symbols = Object.entries(names).map(([name, wanted]) => {
    const filled = wanted.endsWith("-filled");
    const file = filled ? join(folder, "filled", `${wanted.slice(0, -7)}.svg`) : join(folder, "outline", `${wanted}.svg`);
    if (!existsSync(file)) throw new Error(`icons.json: tabler has no icon "${wanted}" (wanted for "${name}")`);
    const body = readFileSync(file, "utf8")
      .replace(/<!--[\s\S]*?-->/g, "")
      .replace(/^[\s\S]*?<svg[^>]*>/, "")
      .replace(/<\/svg>\s*$/, "")
      .replace(/\s*\n\s*/g, "");
    const paint = filled
      ? 'fill="currentColor"'
      : 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${name}" viewBox="0 0 24 24" ${paint}>${body}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

async function main() {
  if (!existsSync(source)) {
    console.log("no sources yet");
    return;
  }
  const stamp = fingerprint();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) {
    console.log("unchanged");
    return;
  }
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const result = await bundle(await entries(), {});
  if (existsSync(join(source, "static"))) cpSync(join(source, "static"), target, { recursive: true });
  const icons = join(source, "icons.json");
  if (existsSync(icons)) writeFileSync(join(target, "icons.svg"), sprite(JSON.parse(readFileSync(icons, "utf8"))));
  writeFileSync(stampFile, stamp);
  const sizes = Object.entries(result.metafile.outputs).map(([file, { bytes }]) => `${file.split("/").pop()} ${Math.ceil(bytes / 1024)} KB`);
  console.log(sizes.join(", "));
}

await main();
