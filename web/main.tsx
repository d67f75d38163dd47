import 'uplot/dist/uPlot.min.css';
import './styles.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { chooseLanguage, language } from './i18n.ts';
import { takeKeyFromLink } from './session.ts';

chooseLanguage(navigator.languages);
document.documentElement.lang = language();
takeKeyFromLink();
const place = document.querySelector('#app');
if (place) render(<App />, place);
