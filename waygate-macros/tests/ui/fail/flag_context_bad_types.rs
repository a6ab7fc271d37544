use waygate::FlagContext;

struct Plan;

#[derive(FlagContext)]
struct Account {
    #[flag(key)]
    id: u64,
    #[flag(attribute)]
    plan: Plan,
}

fn main() {}
