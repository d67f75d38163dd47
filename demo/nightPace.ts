import { bearableScale } from './machinePace.ts';
import type { NightFile } from './night/nightFile.ts';
import type { NightState } from './nightState.ts';
import type { ChatModel } from './work/chatModel.ts';
import { chatPace } from './work/chatPace.ts';
import { chatsOf, unitsPerChat } from './work/chatWork.ts';

/** A chat model that is published. */
export interface ReadyChat {
  readonly model: ChatModel;
  /** What this machine takes for a unit of its work, in real time. */
  readonly msPerUnit: number;
}

type NightPace = Pick<NightState, 'scale' | 'chats'>;

/** The night with the pace that its file gives to chats. @throws NightshiftError `invalid_config` when it has none */
export function nightOfChats(night: NightFile): NightFile {
  return { ...night, scale: Math.min(night.scale, chatsOf(night).scale) };
}

/** How much of the night this machine bears, as it is now. */
export async function bearablePace(night: NightFile, chat: ReadyChat | undefined): Promise<NightPace> {
  const { start, batch, slowestScale = night.scale } = night;
  const slowest = Math.min(night.scale, slowestScale);
  const scale = await bearableScale({ scale: night.scale, slowest });
  if (!chat) return { scale };
  const paced = chatPace({
    msPerRequest: chat.msPerUnit * (await unitsPerChat(night, chat.model)),
    requests: chatsOf(night).requests,
    windowMs: batch.deadline - start,
    scale,
    slowest,
  });
  return { scale: paced.scale, chats: paced.requests };
}

export function nightAtPace(night: NightFile, { scale, chats }: NightPace): NightFile {
  const { chat } = night;
  return { ...night, scale, ...(chat && chats !== undefined && { chat: { ...chat, requests: chats } }) };
}
