/// The most windows of one route.
pub const MAX_WINDOWS: usize = 256;

/// The most recurring windows of one route, of one service, or of all routes together.
pub const MAX_RECURRING: usize = 16;
