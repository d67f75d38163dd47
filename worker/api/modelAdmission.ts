import pLimit from 'p-limit';
import { admitFolder } from '../../inference/admission/admitFolder.ts';
import { admitModel } from '../../inference/admission/admitModel.ts';
import type { RegisterModel } from '../../inference/models/bundledModels.ts';
import type { ModelAdmission } from '../../api/http/deps.ts';
import type { Database } from '../../store/database.ts';
import { addModel } from '../../store/models.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

/** Admits models one after the other: each may take gigabytes while it is looked at. */
export function modelAdmissionOver(database: Database, objects: ObjectStore): ModelAdmission {
  const oneAtATime = pLimit(1);
  const register: RegisterModel = (model) => addModel(database, model);
  return {
    admit: (upload) =>
      oneAtATime(async () => {
        const { manifest, probed } = await admitModel(objects, register, upload);
        return { name: manifest.name, version: manifest.version, ...probed };
      }),
    admitFolder: (upload) =>
      oneAtATime(async () => {
        const { manifest, probed } = await admitFolder(objects, register, upload);
        return { name: manifest.name, version: manifest.version, ...probed };
      }),
  };
}
