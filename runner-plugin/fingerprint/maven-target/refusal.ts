/** Why a project's build outputs are not kept: wherever the same inputs may not mean the same outputs. */
import type { MavenProject } from '../maven/project.ts';
import { unpinned } from '../maven/unpinned.ts';
import type { Element } from '../maven/xml.ts';
import { isSecretName } from '../secret.ts';
import type { Sources } from './sources.ts';

/** One sentence; undefined where they may be kept. */
export function refusal({ reactor, maven, command }: MavenProject, sources: Sources): string | undefined {
  if (maven === undefined) return 'no Maven is on PATH';
  if (command.goals.some((goal) => /(^|:)clean(@|$)/.test(goal)))
    return 'the command cleans, and would delete what is restored';
  if (command.selection.length > 0)
    return `only a part of the reactor is built (${command.selection.join(' ')}), from what else lies in the local repository`;
  for (const { path, project } of reactor.poms) {
    if (
      some(
        project,
        (one, above) => above === 'build' && /^(directory|(test)?outputDirectory)$/i.test(one.name),
      )
    )
      return `${path} names a build directory of its own`;
    if (some(project, ({ name, text }) => name === 'filtering' && text !== 'false'))
      return `${path} filters resources: what they are filled with is not known`;
  }
  const hidden = hiddenReference(reactor.poms);
  if (hidden !== undefined) return hidden;
  const [open] = unpinned(reactor.poms);
  if (open !== undefined) return open.replace(/: .*/, ', and may be another one in the next build');
  const [leading] = sources.leading;
  if (leading !== undefined) return `${leading} is a link that leads out of the project`;
  return undefined;
}

/** What is called like a secret is no part of any key; a build that is made of it has inputs that are not known. */
function hiddenReference(poms: MavenProject['reactor']['poms']): string | undefined {
  for (const { path, project } of poms) {
    for (const build of elements(project).filter(({ name }) => name === 'build')) {
      const references = elements(build).flatMap(({ text }) => [
        ...text.matchAll(/\$\{(?:env\.)?([^}]+)\}/g),
      ]);
      const name = references.map(([, inner = '']) => inner).find(isSecretName);
      if (name !== undefined)
        return `${path} builds with ${name}, which is called like a secret and so in no key`;
    }
  }
  return undefined;
}

function elements(element: Element): Element[] {
  return [element, ...element.children.flatMap(elements)];
}

function some(element: Element, isMeant: (one: Element, above: string) => boolean): boolean {
  return element.children.some((one) => isMeant(one, element.name) || some(one, isMeant));
}
