import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { CallerWire } from '../api/wire/page.ts';
import type { Api } from './api.ts';
import type { GridClock } from './gridClock.ts';

export type Role = CallerWire['roles'][number];

export interface Session {
  readonly api: Api;
  readonly caller: CallerWire;
  readonly clock: GridClock;
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession is used outside of a session');
  return session;
}
