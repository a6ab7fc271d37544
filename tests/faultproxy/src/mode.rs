use std::time::Duration;

/// The effect of the proxy on bytes and connections. Offsets count from when the mode was set, or from the start of a
/// later connection, separately for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Forwards everything.
    Pass,
    /// Delays each chunk by `delay`, and up to `jitter` more. Chunks stay in order, and wait one after another.
    Delay {
        /// The minimum delay.
        delay: Duration,
        /// The maximum of the random addition.
        jitter: Duration,
    },
    /// Limits the speed in each direction.
    Throttle {
        /// The speed of one connection.
        bytes_per_second: u32,
    },
    /// Accepts and reads, but forwards nothing. A connection that lost bytes this way is reset when the mode ends,
    /// since networks do not lose bytes in the middle of a connection.
    Blackhole,
    /// Accepts no connection, so that new ones wait in the backlog, and open ones stall.
    Hang,
    /// Resets every connection, including new ones.
    Reset,
    /// Closes a connection after it has forwarded this many bytes, even in the middle of a message.
    Cut {
        /// The direction in which bytes are counted.
        direction: Direction,
        /// The number of bytes to forward.
        after: u64,
    },
    /// Ends the stream to the client, and still forwards data from the client.
    HalfClose,
    /// Flips every bit of one byte.
    Corrupt {
        /// The direction in which bytes are counted.
        direction: Direction,
        /// The byte to change, from 0.
        nth: u64,
    },
}

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}
