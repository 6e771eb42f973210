/**
 * XML as POMs and settings use it: elements and text. Strict, and without document types: an entity that a DTD declares can
 * grow without bound, and no POM needs one.
 */
import { readFile } from 'node:fs/promises';
import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { type ErrorCode, fault } from '#protocol/wire/errors.ts';

export interface Element {
  name: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
  /** Its own text, trimmed; '' where it has children only. */
  text: string;
}

/** Reads a file's root element. Throws the given code, naming the file; undefined where there is none. */
export async function readXml(path: string, code: ErrorCode): Promise<Element | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code: system, message } = error as NodeJS.ErrnoException;
    if (system === 'ENOENT' || system === 'ENOTDIR') return undefined;
    throw fault(code, { path, why: message }, { cause: error });
  }
  try {
    return parseElement(text);
  } catch (error) {
    throw fault(code, { path, why: conflictIn(text) ?? (error as Error).message }, { cause: error });
  }
}

/** What git leaves in a file that it could not merge reads as a strange tag. */
function conflictIn(text: string): string | undefined {
  const line = text.split('\n').findIndex((one) => /^(<{7}|>{7})\s/.test(one));
  return line < 0 ? undefined : `it has the markers of a merge conflict (line ${line + 1})`;
}

/** Throws an Error that says what is wrong. */
function parseElement(text: string): Element {
  if (/<!DOCTYPE/i.test(text.replace(/<!--[\s\S]*?-->/g, '')))
    throw new Error(
      'it has a document type (DTD), which is refused: what it declares may grow without bound',
    );
  const { root } = parsed(text);
  if (root === null) throw new Error('it has no root element');
  return convert(root);
}

function parsed(text: string): ReturnType<typeof parseXml> {
  try {
    return parseXml(text);
  } catch (error) {
    // What follows the first line is the file's own text.
    throw new Error((error as Error).message.split('\n')[0], { cause: error });
  }
}

function convert(element: XmlElement): Element {
  const children = element.children
    .filter((child): child is XmlElement => child instanceof XmlElement)
    .map(convert);
  const text = element.children
    .map((child) =>
      'text' in child && typeof child.text === 'string' && !(child instanceof XmlElement) ? child.text : '',
    )
    .join('');
  return { name: element.name, attributes: element.attributes, children, text: text.trim() };
}

export function child(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((one) => one.name === name);
}

/** The text at a path of names; undefined where it is not there or empty. */
export function textAt(element: Element | undefined, ...names: string[]): string | undefined {
  const found = names.reduce(child, element);
  return found === undefined || found.text === '' ? undefined : found.text;
}

/**
 * One text for an element and all below it, whatever its white space, comments and order of attributes. `textOf` says what stands
 * for the text of an element without children.
 */
export function canonicalText(
  element: Element,
  textOf: (element: Element, above: Element | undefined) => string = ({ text }) => text.replace(/\s+/g, ' '),
  above?: Element,
): string {
  const attributes = Object.entries(element.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
    .join('');
  const inside =
    element.children.length === 0
      ? textOf(element, above)
      : element.children.map((one) => canonicalText(one, textOf, element)).join('');
  return `<${element.name}${attributes}>${inside}</>`;
}
