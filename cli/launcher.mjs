#!/usr/bin/env node
// What npm links as `cachalot`. Node keeps what it compiled of the bundle, so that the next command starts faster: in
// the user's own state folder, because the default is a folder in /tmp that another user may have filled beforehand.
// Where the folder cannot be written, Node goes on without.

const { CACHALOT_HOME, HOME, XDG_STATE_HOME } = process.env;
const state =
  CACHALOT_HOME || ((XDG_STATE_HOME || HOME) && `${XDG_STATE_HOME || `${HOME}/.local/state`}/cachalot`);
// Not imported: an import of a module of Node's makes Node read all of it, which takes longer than all that we do here. An older
// Node does not know the call; then the bundle says what is needed.
if (state) process.getBuiltinModule?.('module').enableCompileCache?.(`${state}/compile-cache`);
await import('../dist/cachalot.mjs');
