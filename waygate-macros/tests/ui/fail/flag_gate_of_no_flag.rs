use waygate::flag_gate;

waygate::flags! {
    pub PAGE_SIZE: u32 = 20;
}

const PLAIN: bool = true;

#[flag_gate(PAGE_SIZE, route = "GET /a")]
async fn not_boolean() {}

#[flag_gate(PLAIN, route = "GET /b")]
async fn not_a_flag() {}

#[flag_gate(UNDECLARED, route = "GET /c")]
async fn not_declared() {}

fn main() {}
