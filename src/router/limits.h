/* limits.h - every length, count and time that a router grants to web servers and workers. */
#pragma once

enum {
	/* The web server's side. */
	PARAMS_MAX = 96 * 1024,         /* bytes of PARAMS, as sent */
	PARAMS_COUNT_MAX = 256,         /* name-value pairs */
	PARAM_NAME_MAX = 256,           /* bytes */
	VALUES_MAX = 8 * 1024,          /* bytes of one GET_VALUES record */
	PARAMS_WAIT_MS = 5000,          /* from BEGIN_REQUEST to the end of PARAMS */
	BODY_WAIT_MS = 30000,           /* without a byte of the body */
	BODY_TOTAL_MS = 300000,         /* for the body of a request that a worker waits for */
	WRITE_WAIT_MS = 60000,          /* without a byte of the answer taken */
	DISCARD_WAIT_MS = 2000,         /* for input that nobody reads, after the answer */
	DISCARD_MAX = 1024 * 1024,      /* bytes of it */
	ASIDE_MAX = 64 * 1024,          /* bytes of answers to records of no request that wait to be read */
	BODY_SMALL_MAX = 64 * 1024,     /* a body that is complete before its request is dispatched */
	BODY_PIECE = 32 * 1024,         /* of a larger one: smaller pieces wait for the next one */
	HOLD_US = 1000,                 /* for so long */
	STREAM_BUFFER_MAX = 256 * 1024, /* bytes of a stream that its client has not taken */
	QUEUE_WAIT_MS = 30000,          /* for a worker */
	CONNECTIONS_DEFAULT = 1024,
	ACCEPT_PAUSE_MS = 100, /* after EMFILE */
	REQUEST_ID_MIN = 8,
	REQUEST_ID_MAX = 64,

	/* The workers' side. */
	DEPTH_MAX = 16,          /* requests handed to one worker at a time */
	DEPTH_WORK_US = 250,     /* work in front of a request, by the measured service time */
	SLOW_US = 1000,          /* a request that takes longer gets no other behind it */
	ASLEEP_CPU_US = 1000,    /* less CPU time than that from one tick to the next is sleep */
	AWAKE_MAX = 10000,       /* requests without sleep before a function that slept is packed again */
	ENDING_WAIT_MS = 1000,   /* for the verdict on a worker that is gone */
	RENEW_WAIT_MS = 100,     /* fresh mode: for the end of a process that has answered */
	RENEW_MAX_MS = 5000,     /* and for /tmp to be emptied; then the worker is replaced */
	LOOK_WAIT_MS = 250,      /* for the stack of a process whose time is over */
	FAILED_WAIT_MS = 100,    /* between two words to the master about failed requests */
	AGAIN_MAX = 2,           /* workers more that a request is given to before it is begun */
	STREAM_RETRY_S = 5,      /* what a client hears for whom there is no stream left */
	BEHIND_STREAM_MS = 1000, /* for requests that were packed behind what became a stream */
	HANG_UP_WAIT_MS = 200,   /* for the end of a worker that closed its descriptor */
	STDERR_REQUEST_MAX = 64 * 1024,  /* bytes of a request's STDERR and output that are logged */
	STDERR_MINUTE_MAX = 1024 * 1024, /* of a function's */
	LOG_TEXT_MAX = 2048,             /* bytes of one line of a function */
	DENIED_MAX = 64,                 /* refused system calls of one request, until a snapshot says it */
	DENIED_CALLS_MAX = 8,            /* different ones that are named in its log */
	IDLE_CPU_MAX_US = 100 * 1000,    /* CPU time of an idle worker in a second */

	CACHE_JOINS_MAX = 3, /* answers that a request waits for; then it asks by itself */

	/* Ours. */
	READ_SIZE = 64 * 1024,
	KEEP_SIZE = 16 * 1024,           /* a buffer above this is given back after its request */
	BUFFERS_MAX = 512 * 1024 * 1024, /* bytes of all buffers above that */
	TICK_MS = 50,
	TICK_LATE_US = 5000,
	SLOW_TICK_MS = 1000,
	WANT_WAIT_US = 5000, /* a request that waited so long asks for another worker */
	LOG_FLUSH_MS = 100,
	LOG_FLUSH_SIZE = 32 * 1024,
};
