/**
 * An entry's row as Redis holds it: JSON without what is known where it is found, its domain and id, and with the shelves
 * that it stands on, from which a script takes it down again.
 */
import { hash } from 'node:crypto';
import type { Digest } from '#protocol/format/manifest.ts';
import type { EntryRow } from '../entry-index.ts';

/** 128 bits: who may name a branch as he likes must not find another's shelf. */
const SHELF_CHARACTERS = 22;

/** Where a search stays inside (order.ts): a scope's entries, all or those with one set of roots. */
export function shelf(scope: string, rootsDigest: Digest | undefined): string {
  const text = rootsDigest === undefined ? scope : `${scope}\0${rootsDigest}`;
  return hash('sha256', text, 'base64url').slice(0, SHELF_CHARACTERS);
}

export function rowValue({ id: _, domain: __, ...row }: EntryRow): string {
  const shelves = [shelf(row.scope, undefined), shelf(row.scope, row.rootsDigest)];
  return JSON.stringify({ ...row, shelves });
}

export function rowOf(domain: string, id: string, value: string): EntryRow {
  const { shelves: _, ...row } = JSON.parse(value) as Omit<EntryRow, 'id' | 'domain'> & { shelves: string[] };
  return { id, domain, ...row };
}
