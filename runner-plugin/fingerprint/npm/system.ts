/**
 * The machine, as far as an installed tree may depend on it: libc family and version, operating system's id and version.
 */
import { readFile } from 'node:fs/promises';

export interface SystemFacts {
  /** `glibc-2.36`, `musl-1.2.5`; undefined where there is neither. */
  libc: string | undefined;
  /** `debian-12`, or the platform's name where there is no os-release. */
  os: string;
}

/** Reads both; never fails, since an unknown system is a fact too. */
export async function systemFacts(): Promise<SystemFacts> {
  return { libc: await libcOf(), os: await osOf() };
}

interface ReportHeader {
  header?: { glibcVersionRuntime?: string };
  sharedObjects?: string[];
}

async function libcOf(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  // Looking up network interfaces' names may block for seconds on a runner without DNS.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const report = process.report.getReport() as unknown as ReportHeader;
  if (report.header?.glibcVersionRuntime !== undefined) return `glibc-${report.header.glibcVersionRuntime}`;
  const loader = report.sharedObjects?.find(
    (file) => file.includes('ld-musl-') || file.includes('libc.musl-'),
  );
  if (loader === undefined) return undefined;
  // musl's version stands in its loader as text; it has no other way of saying it to a program.
  const version = /\x00(1\.\d+\.\d+)[^\x00]{0,20}\x00/.exec((await readFile(loader)).toString('latin1'))?.[1];
  return `musl-${version ?? 'unknown'}`;
}

async function osOf(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1];
  const id = value('ID');
  return id === undefined ? process.platform : `${id}-${value('VERSION_ID') ?? 'rolling'}`;
}
