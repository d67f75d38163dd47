import type { MqttClient } from 'mqtt';
import type { Database } from '../../store/database.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { Dependency } from './monitor/readiness.ts';

/** The servers beside a cell, as its processes look whether they answer. */

export function databaseDependency(database: Database): Dependency {
  return { name: 'postgresql', isVital: true, ask: () => database.query('select 1') };
}

/** @param askServer any call that the server answers */
export function temporalDependency(isVital: boolean, askServer: () => Promise<unknown>): Dependency {
  return { name: 'temporal', isVital, ask: askServer };
}

export function brokerDependency(isVital: boolean, mqtt: Pick<MqttClient, 'connected'>): Dependency {
  return {
    name: 'mqtt',
    isVital,
    ask: async () => {
      if (!mqtt.connected) throw new Error('not connected');
    },
  };
}

/** A name that nobody uses is asked for: the answer that it is not there is one. */
export function objectsDependency(isVital: boolean, objects: Pick<ObjectStore, 'head'>): Dependency {
  return { name: 'objects', isVital, ask: () => objects.head('probe') };
}
