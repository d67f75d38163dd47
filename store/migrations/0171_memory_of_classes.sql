-- A class whose memory a model does not fit has no speed for it, so that nothing of the model is planned there.
alter table hardware_classes add column memory_mb integer;
alter table class_speeds add column model_memory_mb integer;
