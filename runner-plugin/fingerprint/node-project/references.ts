/** References to variables of the environment in settings files of package managers. */

type Env = Readonly<Record<string, string | undefined>>;

/** Which forms a manager knows beside `${NAME}`: `${NAME?}` (empty where it is not set), `${NAME-else}` and `${NAME:-else}`. */
export type ReferenceForms = 'optional' | 'fallback';

/** The text with the variables' values; what names a variable that is not set stays as it is, as the managers have it. */
export function withVariables(text: string, env: Env, forms: ReferenceForms): string {
  return text.replace(/\$\{([^${}]+)\}/g, (whole, inside: string) => {
    if (forms === 'optional' && inside.endsWith('?')) return env[inside.slice(0, -1)] ?? '';
    const [, name = inside, colon, otherwise] =
      forms === 'fallback' ? (/^([^:-]+)(:?)-(.*)$/.exec(inside) ?? []) : [];
    const value = colon === ':' ? env[name] || undefined : env[name];
    return value ?? otherwise ?? whole;
  });
}
