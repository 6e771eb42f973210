// What the tests need and npm does not have: programs of the system. As root on Debian (or in CI with sudo)
// they are installed, each said by name; elsewhere what is missing is named, and the suites that need it are skipped.

import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program, and the Debian package that brings it. */
const PROGRAMS = [
  ['curl', 'curl'],
  ['git', 'git'],
  ['tar', 'tar'],
  ['zstd', 'zstd'],
  ['nginx', 'nginx'],
  ['mkfs.xfs', 'xfsprogs'],
  ['java', 'default-jdk-headless'],
  ['javac', 'default-jdk-headless'],
  ['mvn', 'maven'],
  ['openssl', 'openssl'],
  ['go', 'golang-go'],
  ['cargo', 'cargo'],
  ['python3', 'python3'],
  ['pip3', 'python3-pip'],
  ['redis-server', 'redis-server'],
  ['promtool', 'prometheus'],
  ['mkfs.exfat', 'exfatprogs'],
  ['mount.exfat-fuse', 'exfat-fuse'],
];

/** @param {string} program */
function isThere(program) {
  // Debian keeps nginx and mkfs.xfs where only root looks.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @param {string[]} command */
function run(command) {
  const [program = '', ...args] = command;
  const { status } = spawnSync(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}

/** @returns {string[]} the programs that are still missing */
export function ensureSystemPrograms() {
  const missing = PROGRAMS.filter(([program = '']) => !isThere(program));
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map(([, name = '']) => name))];
  const isRoot = process.getuid?.() === 0;
  const inCi = /^(1|true)$/.test(process.env.CI ?? '');
  const sudo = isRoot
    ? []
    : inCi && spawnSync('sudo', ['-n', 'true']).status === 0
      ? ['sudo', '-n', '-E']
      : undefined;
  if (existsSync('/etc/debian_version') && sudo !== undefined) {
    console.log(`Installing what the tests need: ${packages.join(', ')}`);
    // A package of a server starts it as it is installed, on port 80: this file is Debian's way to say no.
    const policy = '/usr/sbin/policy-rc.d';
    const ours = isRoot && !existsSync(policy);
    if (ours) {
      writeFileSync(policy, '#!/bin/sh\nexit 101\n');
      chmodSync(policy, 0o755);
    }
    try {
      if (!run([...sudo, 'apt-get', 'update', '-qq'])) console.log('apt-get update failed');
      if (!run([...sudo, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]))
        console.log('apt-get install failed');
    } finally {
      if (ours) rmSync(policy, { force: true });
    }
  }
  const still = missing.map(([program = '']) => program).filter((program) => !isThere(program));
  if (still.length > 0)
    console.log(
      `Missing, so the suites that need them are skipped: ${still.join(', ')}. On Debian: apt-get install ${packages.join(' ')}`,
    );
  return still;
}
