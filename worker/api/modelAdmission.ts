import pLimit from 'p-limit';
import { admitFolder } from '../../inference/admission/admitFolder.ts';
import { admitModel } from '../../inference/admission/admitModel.ts';
import type { RegisterModel } from '../../inference/models/bundledModels.ts';
import type { ModelAdmission } from '../../api/http/ports.ts';
import type { Database } from '../../store/database.ts';
import { addModel, modelOwner } from '../../store/models.ts';
import { reclaiming } from '../../store/orphans.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

/** Admits models one after the other: each may take gigabytes while it is looked at. */
export function modelAdmissionOver(database: Database, objects: ObjectStore): ModelAdmission {
  const oneAtATime = pLimit(1);
  const kept = reclaiming(database, objects);
  return {
    admit: (upload, tenantId) =>
      oneAtATime(async () => {
        const { manifest, probed } = await admitModel(kept, registerFor(database, tenantId), upload);
        return { name: manifest.name, version: manifest.version, sha256: manifest.sha256, ...probed };
      }),
    admitFolder: (upload, tenantId) =>
      oneAtATime(async () => {
        const { manifest, probed } = await admitFolder(kept, registerFor(database, tenantId), upload);
        return { name: manifest.name, version: manifest.version, sha256: manifest.sha256, ...probed };
      }),
  };
}

function registerFor(database: Database, tenantId: string): RegisterModel {
  return (model) => addModel(database, { ...model, tenantId: modelOwner(tenantId) });
}
