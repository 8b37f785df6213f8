// The Node tus server with its file store, as its documentation says: port, folder.
"use strict";

const http = require("node:http");
const { pathToFileURL } = require("node:url");

// Both are modules, which only `import` takes, and only `require` looks in NODE_PATH.
const load = (name) => import(pathToFileURL(require.resolve(name)));

async function main() {
  const { Server } = await load("@tus/server");
  const { FileStore } = await load("@tus/file-store");
  const [port, directory] = process.argv.slice(2);
  const tus = new Server({ path: "/files", datastore: new FileStore({ directory }) });
  http.createServer(tus.handle.bind(tus)).listen(Number(port), "127.0.0.1");
}

main();
