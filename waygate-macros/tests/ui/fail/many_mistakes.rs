use waygate::maintenance;

#[maintenance(reasn = "a", colour = 3, start = "tomorrow", end = 4, route = "get /a")]
struct Handler;

fn main() {}
