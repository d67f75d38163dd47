import { useState } from 'preact/hooks';
import { t } from '../i18n.ts';
import { Alerts } from './alerts.tsx';
import { CarPanel } from './carPanel.tsx';
import { Cars } from './cars.tsx';
import { EmergencyButton } from './emergency.tsx';
import { Feeders } from './feeders.tsx';
import { Figures } from './figures.tsx';
import { Fleet } from './fleet.tsx';
import { Jobs } from './jobs.tsx';
import { Journal } from './journal.tsx';
import { Tonight } from './tonight.tsx';
import { UtilityEvents } from '../utility/utilityEvents.tsx';

/** The whole cell, for those who run it. */
export function OperatorView() {
  const [car, setCar] = useState<string>();
  return (
    <div class="view operator">
      <h1 class="hidden">{t('role.operator')}</h1>
      <Figures />
      <Alerts />
      <Tonight aside={<EmergencyButton />} />
      <Fleet onOpen={setCar} />
      <div class="columns">
        <Jobs />
        <Journal />
      </div>
      <Feeders />
      <UtilityEvents />
      <Cars onOpen={setCar} />
      {car === undefined ? null : <CarPanel id={car} onClose={() => setCar(undefined)} />}
    </div>
  );
}
