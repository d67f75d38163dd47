import { InferenceSession, Tensor } from 'onnxruntime-node';
import { decodeGrayPng } from '../inference/runner/grayPng.ts';

/** What bench/runner.ts compares with: the shortest loop over the same network and the same pictures. */
export type BareRequest =
  | { readonly type: 'load'; readonly modelPath: string; readonly images: readonly string[] }
  | { readonly type: 'run' };

let session: InferenceSession;
let feeds: { readonly x: Tensor }[];

process.on('message', (request: BareRequest) => {
  void handle(request).then(() => process.send?.('done'));
});
process.on('disconnect', () => process.exit(0));

async function handle(request: BareRequest): Promise<void> {
  if (request.type === 'run') {
    for (const feed of feeds) await session.run(feed);
    return;
  }
  session = await InferenceSession.create(request.modelPath, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableCpuMemArena: false,
  });
  feeds = request.images.map((image) => {
    const { widthPx, heightPx, pixels } = decodeGrayPng(Buffer.from(image, 'base64'), {
      heightPx: 48,
      maxWidthPx: 4_096,
    });
    const plane = Float32Array.from(pixels, (value) => (value / 255 - 0.5) / 0.5);
    const data = new Float32Array(3 * plane.length);
    for (const channel of [0, 1, 2]) data.set(plane, channel * plane.length);
    return { x: new Tensor('float32', data, [1, 3, heightPx, widthPx]) };
  });
}
