export * from '../../workflows/index.ts';
export { bareActivities } from './bareActivities.ts';
