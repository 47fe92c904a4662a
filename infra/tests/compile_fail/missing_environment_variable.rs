//! A function is given everything its code reads.

use cart_contract::{GetCartTotal, TableAndOriginEnv};
use cart_infra::{
    cfn::{Mebibytes, Seconds},
    construct::function::Definition,
};

fn total() -> Definition<GetCartTotal> {
    Definition {
        function: GetCartTotal,
        id: "GetCartTotalHandler",
        description: "Shows the total of a product over all carts",
        environment: TableAndOriginEnv { table_name: "carts".into() },
        permissions: Vec::new(),
        memory: Mebibytes::new(256),
        timeout: Seconds::new(5),
        reserved_concurrency: None,
    }
}

fn main() {}
