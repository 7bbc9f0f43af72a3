#pragma once

/* What a provider of weir's is that comes as a shared object: `type: plugin`, described in docs/providers/plugin.md.
 *
 * Plain C, and no type of weir's or of any library crosses the line, so that a plug-in and weir need not be built by the same
 * compiler. The requests and answers are those of docs/providers/exec.md, without `id`. */
// NOLINTBEGIN(modernize-*,readability-identifier-naming): this is C, and its names are seen by all
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows whenever something below changes; weir loads plug-ins of its own number only. */
#define WEIR_PLUGIN_ABI 1

/* One request that waits for its answer; valid until the function that got it returns. */
typedef struct weir_plugin_call {
  void* context;
  /* Gives the answer, one JSON object in UTF-8; weir copies it. To be called once; what comes after the first counts for nothing.
   */
  void (*answer)(void* context, const char* json, size_t length);
  /* Not 0 once nobody waits any more (the timeout is over, or weir ends): give up as soon as you can. */
  int (*given_up)(void* context);
} weir_plugin_call;

typedef struct weir_plugin {
  uint32_t abi;      /* WEIR_PLUGIN_ABI, and the first field in every version */
  uint32_t reserved; /* 0 */
  const char* name;  /* "rack 1.2": for messages */
  /* Makes one provider; `hello` is the greeting. Answers it, and returns what the other functions are to get: not NULL, unless the
   * answer is an error. */
  void* (*open)(const char* hello, size_t length, const weir_plugin_call* call);
  /* Answers one list, launch or terminate. Called from several threads at once. */
  void (*ask)(void* provider, const char* request, size_t length, const weir_plugin_call* call);
  /* The end of that provider. No request of its own is under way. */
  void (*close)(void* provider);
} weir_plugin;

/* The one symbol that weir looks for. What it returns stays as it is for ever. */
#define WEIR_PLUGIN_ENTRY "weir_plugin_entry"
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const weir_plugin*
weir_plugin_entry(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(modernize-*,readability-identifier-naming)
