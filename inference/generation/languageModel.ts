import { createHash } from 'node:crypto';

import type { InferenceSession } from 'onnxruntime-node';

import { openChatTemplate, type ChatTemplate } from './chatTemplate.ts';
import { openDecoderNetwork, type DecoderNetwork } from './decoderNetwork.ts';
import { createGrammarCompiler, type GrammarCompiler } from './jsonGrammar.ts';
import { readLanguageModelFiles, type ReadModelFile } from './modelFiles.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A causal language model ready to answer: its network, and what its files say. */
export interface LanguageModel {
  readonly modelName: string;
  readonly network: DecoderNetwork;
  readonly vocabulary: Vocabulary;
  readonly endTokens: ReadonlySet<number>;
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly batchInvariant: boolean;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly grammars: GrammarCompiler;
  readonly systemFingerprint: string;
}

export interface LanguageModelSource {
  readonly name: string;
  /** Of the network's file or of the whole folder: what the fingerprint is made of. */
  readonly sha256: string;
  readonly session: InferenceSession;
  /** The file that the session was made from. */
  readonly networkPath: string;
  readonly readFile: ReadModelFile;
}

/** @throws Error that says what is wrong with the model */
export async function openLanguageModel(source: LanguageModelSource): Promise<LanguageModel> {
  const files = await readLanguageModelFiles(source.readFile);
  const chatTemplate =
    files.chatTemplate === undefined ? undefined : openChatTemplate(files.chatTemplate, files.specialTokens);
  const network = await openDecoderNetwork(source.session, source.networkPath);
  const { vocabulary, endTokens, contextTokens } = files;
  const { vocabularySize, batchInvariant } = network;
  return {
    modelName: source.name,
    network,
    vocabulary,
    endTokens,
    contextTokens,
    vocabularySize,
    batchInvariant,
    chatTemplate,
    grammars: createGrammarCompiler(vocabulary, vocabularySize, endTokens),
    systemFingerprint: `fp_${createHash('sha256').update(source.sha256).digest('hex').slice(0, 16)}`,
  };
}
