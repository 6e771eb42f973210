#!/usr/bin/env node
// What npm links as `cachalot`. Node keeps what it compiled of the bundle, so that the next command starts faster: in
// the user's own state folder, because the default is a folder in /tmp that another user may have filled beforehand.
// Where the folder cannot be written, Node goes on without.

import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

const { CACHALOT_HOME, XDG_STATE_HOME } = process.env;
try {
  const state = CACHALOT_HOME || join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'cachalot');
  module.enableCompileCache?.(join(state, 'compile-cache'));
} catch {
  // No home folder can be named.
}
await import('../dist/cachalot.mjs');
