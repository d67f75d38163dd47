import type { Place } from './byteAutomaton.ts';
import type { JsonPlaces, Piece } from './jsonPlaces.ts';

/** A keyword, or a value of one, that token masks cannot hold an answer to. `path` leads to it within the schema. */
export class UnsupportedSchema extends Error {
  override readonly name = 'UnsupportedSchema';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

type Schema = Readonly<Record<string, unknown>>;

/** They say something to people, not to a checker. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$defs',
  'definitions',
]);
const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
type Type = (typeof TYPES)[number];
/** By the type that they speak of. */
const KEYWORDS: Readonly<Record<string, Type>> = {
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  items: 'array',
  minItems: 'array',
  maxItems: 'array',
  minLength: 'string',
  maxLength: 'string',
};
/** They say all of what a value may be; others beside them are not taken. */
const WHOLE = ['$ref', 'anyOf', 'enum', 'const'] as const;
const MAX_NESTING = 64;
/** A count is written out, place by place. */
const MAX_COUNT = 1_024;
const MAX_ENUM = 1_000;

/**
 * A JSON schema as a grammar. Its objects have the declared properties in their order and no others: where a schema
 * allows more, an answer without them satisfies it too.
 * @throws UnsupportedSchema, GrammarTooLarge
 */
export function schemaPiece(root: Schema, places: JsonPlaces): Piece {
  const rules = new Map<string, Place>();

  const piece = (schema: unknown, path: string, depth: number): Piece => {
    if (depth > MAX_NESTING) throw new UnsupportedSchema(path, `is nested deeper than ${MAX_NESTING}`);
    if (schema === true) return places.anyValue();
    if (!isSchema(schema)) throw new UnsupportedSchema(path, 'must be a schema; false is none that can be met');
    const keywords = Object.keys(schema).filter((keyword) => !ANNOTATIONS.has(keyword));
    const alone = WHOLE.find((keyword) => keywords.includes(keyword));
    const beside = keywords.find((keyword) => keyword !== alone && (alone === undefined ? !isKnown(keyword) : true));
    // The type of an enum's values says what the values say.
    const isRedundant = beside === 'type' && (alone === 'enum' || alone === 'const') && keywords.length === 2;
    if (beside !== undefined && !isRedundant) {
      const where = alone === undefined ? '' : ` beside ${alone}`;
      throw new UnsupportedSchema(`${path}.${beside.slice(0, 60)}`, `is not supported${where}`);
    }
    switch (alone) {
      case '$ref':
        return reference(schema['$ref'], `${path}.$ref`, depth);
      case 'anyOf':
        return places.oneOf(
          ...list(schema['anyOf'], `${path}.anyOf`).map((each, index) =>
            piece(each, `${path}.anyOf.${index}`, depth + 1),
          ),
        );
      case 'enum':
        return places.oneOf(...list(schema['enum'], `${path}.enum`).map((each) => places.text(JSON.stringify(each))));
      case 'const':
        return places.text(JSON.stringify(schema['const']));
      case undefined:
        return typed(schema, path, depth);
      default:
        return alone satisfies never;
    }
  };

  const reference = (ref: unknown, path: string, depth: number): Piece => {
    if (typeof ref !== 'string' || !ref.startsWith('#')) {
      throw new UnsupportedSchema(path, 'must point into the schema itself, e.g. #/$defs/name');
    }
    const target = resolve(root, ref);
    if (target === undefined) throw new UnsupportedSchema(path, `points to ${ref.slice(0, 60)}, which is not there`);
    if (!rules.has(ref)) {
      const placeholder: Place = { kind: 'choice', id: places.end.id, ways: [] };
      rules.set(ref, placeholder);
      placeholder.ways.push(piece(target, path, depth + 1)(places.end));
    }
    return places.call(() => rules.get(ref) ?? places.end);
  };

  const typed = (schema: Schema, path: string, depth: number): Piece => {
    const types = typesOf(schema, path);
    const misplaced = Object.keys(schema).find((keyword) => {
      const its = KEYWORDS[keyword];
      return its !== undefined && !types.includes(its);
    });
    if (misplaced !== undefined) throw new UnsupportedSchema(`${path}.${misplaced}`, 'does not fit the type');
    return places.oneOf(...types.map((type) => ofType(type, schema, path, depth)));
  };

  const ofType = (type: Type, schema: Schema, path: string, depth: number): Piece => {
    switch (type) {
      case 'string': {
        const [least, most] = bounds(schema, 'minLength', 'maxLength', path);
        return places.string(least, most);
      }
      case 'number':
        return places.number();
      case 'integer':
        return places.integer();
      case 'boolean':
        return places.boolean();
      case 'null':
        return places.text('null');
      case 'array': {
        const [least, most] = bounds(schema, 'minItems', 'maxItems', path);
        const item =
          schema['items'] === undefined ? places.anyValue() : piece(schema['items'], `${path}.items`, depth + 1);
        return places.array(item, least, most);
      }
      case 'object':
        return object(schema, path, depth);
      default:
        return type satisfies never;
    }
  };

  const object = (schema: Schema, path: string, depth: number): Piece => {
    const { properties, required = [], additionalProperties: others } = schema;
    const names = list(required, `${path}.required`, 0);
    if (properties === undefined) {
      if (names.length > 0) throw new UnsupportedSchema(`${path}.required`, 'names what properties does not declare');
      if (others === false) return places.members([]);
      return places.map(piece(others ?? true, `${path}.additionalProperties`, depth + 1));
    }
    if (!isSchema(properties)) throw new UnsupportedSchema(`${path}.properties`, 'must be an object');
    const undeclared = names.find((name) => typeof name !== 'string' || !Object.hasOwn(properties, name));
    if (undeclared !== undefined) {
      throw new UnsupportedSchema(`${path}.required`, 'names what properties does not declare');
    }
    if (others !== undefined && typeof others !== 'boolean') piece(others, `${path}.additionalProperties`, depth + 1);
    return places.members(
      Object.entries(properties).map(([key, value]) => ({
        key,
        required: names.includes(key),
        value: piece(value, `${path}.properties.${key.slice(0, 60)}`, depth + 1),
      })),
    );
  };

  return piece(root, 'schema', 0);
}

function isKnown(keyword: string): boolean {
  return keyword === 'type' || Object.hasOwn(KEYWORDS, keyword);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown, path: string, least = 1): readonly unknown[] {
  if (!Array.isArray(value) || value.length < least || value.length > MAX_ENUM) {
    throw new UnsupportedSchema(path, `must be a list of ${least} to ${MAX_ENUM}`);
  }
  return value;
}

function typesOf(schema: Schema, path: string): readonly Type[] {
  const { type } = schema;
  if (type === undefined) {
    const implied = Object.keys(schema).map((keyword) => KEYWORDS[keyword]);
    const stated = TYPES.filter((each) => implied.includes(each));
    // Without any keyword, any value: number stands for integer.
    return stated.length > 0 ? stated : TYPES.filter((each) => each !== 'integer');
  }
  return list([type].flat(), `${path}.type`).map((name) => {
    const known = TYPES.find((each) => each === name);
    if (known === undefined) throw new UnsupportedSchema(`${path}.type`, `must be of ${TYPES.join(', ')}`);
    return known;
  });
}

function bounds(schema: Schema, least: string, most: string, path: string): [number, number | undefined] {
  const count = (keyword: string): number | undefined => {
    const value = schema[keyword];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_COUNT) return value;
    throw new UnsupportedSchema(`${path}.${keyword}`, `must be a whole number from 0 to ${MAX_COUNT}`);
  };
  const [from, to] = [count(least) ?? 0, count(most)];
  if (to !== undefined && to < from) throw new UnsupportedSchema(`${path}.${most}`, `must be at least ${least}`);
  return [from, to];
}

function resolve(root: Schema, ref: string): unknown {
  const steps = ref.slice(1).split('/').slice(1);
  return steps.reduce<unknown>((value, step) => {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return isSchema(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, root);
}
