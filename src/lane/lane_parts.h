/* lane_parts.h - what the two halves of a lane share. */
#pragma once
#include <stdbool.h>
#include <sys/queue.h>

#include "lane/lane.h"
#include "lane/lane_input.h"

enum { LANE_HEAD_MAX = LANE_FIELDS_MAX + 512 };

enum lane_stage {
	LANE_STAGE_READING, /* a request, or waiting for one */
	LANE_STAGE_SERVING, /* the front has it */
	LANE_STAGE_STREAMING,
	LANE_STAGE_REPLYING, /* all of the answer is here */
	LANE_STAGE_DEAD,     /* to be freed when nobody is in it any more */
};

struct lane {
	struct lanes *lanes;
	struct watch watch;
	struct timer end, late;
	LIST_ENTRY(lane) link;
	enum lane_stage stage;
	uint32_t events;
	bool is_begun; /* the front has seen the head of the request whose body is read */
	bool is_last;  /* no other request comes */
	bool is_head;  /* the method is HEAD */
	struct lane_input in;
	struct lane_request request;
	size_t n_counted; /* bytes of its body in lanes->n_bodies */
	struct buf out;   /* of the answer, without records */
	size_t n_first;   /* bytes that make a message of their own: a stream's head */
	void (*room)(void *context, struct lane *l);
	void *owner;
};

struct lanes {
	struct loop *loop;
	const struct lane_rules *rules;
	void *context;
	char *path;
	size_t n, n_bodies;
	uint64_t body_us;
	LIST_HEAD(, lane) list;
};

/* Nothing more is said or heard; its memory lives until the next turn, since whoever is in it may be the
 * front. */
void lane_die(struct lane *l);

/* Waits for messages, while there may be some, and for room. */
void lane_watch(struct lane *l, bool is_blocked);

/* As much of the answer as the socket takes now; behind its end the next request may come. */
void lane_flush(struct lane *l);

/* Its request is over, whatever became of it. */
void lane_next(struct lane *l);
