/** What was measured on: it stands with every row, because a ratio without it says little. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import type { Row } from './question.ts';
import { freshFileSystem } from './stage/xfs.ts';

/** Read after the runs: what the file systems were is known then. */
export function machine(options: { quick: boolean }): Row['conditions'] {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    kernel: release(),
    node: process.version,
    fs: freshFileSystem(),
    tools: ['tar', 'zstd', 'curl', 'nginx'].map(versionOf).join(', '),
    ...(options.quick ? { quick: 'smaller sizes and fewer runs: only good to see that it works' } : {}),
  };
}

function versionOf(program: string): string {
  try {
    const [flag, env] = program === 'nginx' ? ['-v', '/usr/sbin:/sbin'] : ['--version', ''];
    const path = `${process.env.PATH ?? ''}:${env}`;
    const out = execFileSync('sh', ['-c', `${program} ${flag} 2>&1`], {
      env: { ...process.env, PATH: path },
    }).toString();
    return `${program} ${/\d+(\.\d+)+/.exec(out)?.[0] ?? ''}`.trim();
  } catch {
    return `no ${program}`;
  }
}
