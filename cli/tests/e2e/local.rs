//! `cartctl local` as somebody uses it who tries the shop: started, stopped, started twice, or where it cannot be started.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};

use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use crate::{
    cloud::{Cloud, Request, eventually},
    shop::{Customer, Shop},
};

/// Starts it in the foreground, and reads one of its streams until a line says this.
fn foreground(cloud: &Cloud, until: &str) -> Child {
    let mut command = cloud.project.command(&["local"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stream: Box<dyn Read> =
        if until.starts_with("cartctl") { Box::new(child.stderr.take().unwrap()) } else { Box::new(child.stdout.take().unwrap()) };
    assert!(BufReader::new(stream).lines().any(|line| line.unwrap().contains(until)), "it never says {until}");
    child
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[tokio::test]
async fn ctrl_c_ends_it_and_everything_it_started() {
    let cloud = Cloud::new();
    let mut running = foreground(&cloud, "It runs until you press Ctrl-C.");
    assert!(!cloud.processes().is_empty(), "a function answered");
    interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    cloud.assert_stopped();

    let mut deploying = foreground(&cloud, "cartctl local ·");
    interrupt(&deploying);
    assert_eq!(deploying.wait().unwrap().code(), Some(130));
    cloud.assert_stopped();
}

#[tokio::test]
async fn a_second_start_takes_what_runs() {
    let cloud = Cloud::new();
    let first = cloud.answer(&["local", "--detach"]);
    let started = cloud.processes();
    let second = cloud.answer(&["local", "--detach"]);
    assert_eq!(first, second, "the same shop");
    assert!(started.iter().all(|process| cloud.processes().contains(process)), "nothing was started again");

    assert_eq!(cloud.run(&["local", "--stop"]).succeeded().0, "stopped the local cloud\n");
    cloud.assert_stopped();
    assert_eq!(cloud.run(&["local", "--stop"]).succeeded().0, "the local cloud was not running\n");
    assert!(cloud.run(&["status", "--local"]).failed(2).contains("the local cloud is not running"));
}

#[test]
fn a_port_that_is_taken_is_left_alone() {
    let cloud = Cloud::with_page();
    for (port, whose, hint) in [
        (cloud.port, "the local cloud", "or choose another port with `--port` or `local.port` in cartctl.toml\n"),
        (
            cloud.page.unwrap(),
            "the site",
            "or choose another port with `local.site-port` in cartctl.toml; `--no-shop` runs the backend alone\n",
        ),
    ] {
        // A browser that asks for localhost may come to either.
        for address in ["127.0.0.1", "::1"] {
            let Ok(_somebody) = TcpListener::bind((address, port)) else {
                assert_eq!(address, "::1", "there is IPv4 at least");
                continue;
            };
            let said = cloud.run(&["local", "--detach"]).failed(1);
            let expected = format!(
                "error: port {port} on {address} is in use by another program, but {whose} needs it\nhint: stop that program, {hint}"
            );
            assert_eq!(said, expected);
            cloud.assert_nothing_runs();
        }
    }
}

/// Adds to a customer's cart, as the page would.
async fn add(shop: &Shop<'_>, customer: &mut Customer, product: &str, quantity: i64) {
    let body = json!({ "productId": product, "quantity": quantity }).to_string();
    let answer = shop.cart(customer, "POST", "/cart", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    if let Some(cookie) = answer.header("set-cookie") {
        customer.cookie = Some(cookie.split(['=', ';']).nth(1).unwrap().to_owned());
    }
}

async fn total(shop: &Shop<'_>, product: &str) -> Value {
    shop.cart(&Customer::default(), "GET", &format!("/cart/{product}/total"), "").await.body["quantity"].take()
}

#[tokio::test]
async fn accounts_and_carts_are_there_again_after_a_restart_and_everything_goes_on() {
    let cloud = Cloud::new();
    let first = cloud.answer(&["local", "--detach"]);
    let shop = Shop::of_stage(&cloud, "default");
    let [product, other] = shop.catalogue().await;
    shop.sign_up("me@example.com").await;
    let (mut me, mut visitor) = (shop.sign_in("me@example.com").await, Customer::default());
    add(&shop, &mut me, &product, 2).await;
    add(&shop, &mut visitor, &product, 3).await;
    eventually("both are counted", async || (total(&shop, &product).await == 5).then_some(())).await;

    cloud.run(&["local", "--stop"]).succeeded();
    cloud.assert_stopped();
    assert_eq!(cloud.answer(&["local", "--detach"]), first, "the same shop");

    assert_eq!(shop.held(&visitor).await, [(product.clone(), 3)]);
    assert_eq!(shop.held(&me).await, [(product.clone(), 2)], "who was signed in still is");
    me.token = shop.sign_in("me@example.com").await.token;
    add(&shop, &mut visitor, &product, 1).await;
    add(&shop, &mut visitor, &other, 1).await;
    eventually("changes are counted, and none of them twice", async || {
        (total(&shop, &product).await == 6 && total(&shop, &other).await == 1).then_some(())
    })
    .await;
    let both = Customer { cookie: visitor.cookie.clone(), ..me };
    assert_eq!(shop.cart(&both, "POST", "/cart/migrate", "").await.status, 200);
    let mut mine = shop.held(&both).await;
    mine.sort();
    let mut expected = [(product.clone(), 6), (other.clone(), 1)];
    expected.sort();
    assert_eq!(mine, expected);
    let pk = format!("cart#{}", visitor.cookie.clone().unwrap());
    eventually("the worker deletes what was moved", async || shop.items(&pk).await.is_empty().then_some(())).await;
    let checked = eventually("the totals are right", async || {
        let checked = cloud.run(&["totals", "--local"]);
        (checked.code == 0).then_some(checked)
    });
    checked.await;

    // Killed, it goes on with what it held when it was stopped.
    let pid = fs::read_to_string(format!("{}/running.json", cloud.directory())).unwrap();
    let pid: Value = serde_json::from_str(&pid).unwrap();
    let pid = Pid::from_raw(i32::try_from(pid["pid"].as_i64().unwrap()).unwrap()).unwrap();
    kill_process_group(pid, Signal::KILL).unwrap();
    eventually("it is gone", async || TcpListener::bind(("127.0.0.1", cloud.port)).ok().map(drop)).await;
    let (_, story) = cloud.run(&["local", "--detach"]).succeeded();
    assert!(story.contains("the local cloud was not stopped the last time"), "{story}");
    assert_eq!(shop.held(&visitor).await, [(product.clone(), 3)]);

    assert!(cloud.run(&["local", "--detach", "--fresh"]).failed(1).contains("error: the local cloud is running already\n"));
    cloud.run(&["local", "--stop"]).succeeded();
    cloud.run(&["local", "--detach", "--fresh"]).succeeded();
    let shop = Shop::of_stage(&cloud, "default");
    assert_eq!(shop.table().await, Vec::<Value>::new());
    cloud.stop();
}

#[tokio::test]
async fn the_page_is_served_to_this_machine_only_and_ends_with_the_cloud() {
    let cloud = Cloud::with_page();
    let told = cloud.answer(&["local", "--detach"]);
    let page = format!("http://localhost:{}", cloud.page.unwrap());
    assert_eq!(told["shop"], page.as_str());

    let get = async |path: &str, headers: &[(&str, &str)]| {
        cloud.request(Request { method: "GET", url: &format!("{page}{path}"), headers, body: "" }).await
    };
    let home = get("/", &[]).await;
    assert_eq!((home.status, home.header("content-type")), (200, Some("text/html")));
    assert_eq!(home.header("cache-control"), Some("no-cache"));
    let html = home.body.as_str().unwrap().to_owned();
    let api = format!("http://localhost:{}", cloud.port);
    assert!(html.contains("Content-Security-Policy") && html.contains(&api), "{html}");
    assert_eq!(get("/product/some-product", &[]).await.body, home.body, "the page knows its own pages");

    let script = html.split('"').find(|part| part.starts_with("/assets/index-") && part.contains(".js")).unwrap();
    let loaded = get(script, &[]).await;
    assert_eq!((loaded.status, loaded.header("content-type")), (200, Some("text/javascript")));
    assert_eq!(loaded.header("cache-control"), Some("no-cache"));
    let code = loaded.body.as_str().unwrap();
    let carts = told["cart_api"].as_str().unwrap().replace("127.0.0.1", "localhost");
    assert!(code.contains(&carts) && code.contains(told["user_pool_id"].as_str().unwrap()) && !code.contains("stand-in"));
    assert_eq!(loaded.header("x-content-type-options"), Some("nosniff"));

    for (path, host, status) in [
        ("/assets/nothing.js", None, 404),
        ("/..%2f..%2frunning.json", None, 404),
        ("/%2e%2e/%2e%2e/running.json", None, 404),
        ("/", Some("shop.example"), 421),
        ("/", Some("localhost.example:8080"), 421),
        ("/", Some("[::1]"), 200),
    ] {
        let headers = host.map(|host| ("host", host));
        let answer = get(path, headers.as_slice()).await;
        assert_eq!(answer.status, status, "{path} {host:?}: {answer:?}");
        assert!(!answer.body.to_string().contains("\"pid\""), "{answer:?}");
    }
    let posted = cloud.request(Request { method: "POST", url: &page, headers: &[], body: "x" }).await;
    assert_eq!(posted.status, 405);

    // Built once: what it is made of has not changed.
    let (_, story) = cloud.run(&["local", "--detach", "-v"]).succeeded();
    assert!(story.contains("building the site"), "{story}");
    let built = |name: &str| fs::metadata(format!("{}/site/{name}", cloud.directory())).unwrap().modified().unwrap();
    let before = built("made/index.html");
    assert_eq!(cloud.answer(&["local", "--detach"]), told);
    assert_eq!(built("made/index.html"), before);

    // Without a cloud there is no page: the next start takes its place.
    cloud.run(&["local", "--stop"]).succeeded();
    cloud.assert_stopped();
}

/// A workspace whose functions are what a file says: instead of compiling, `cargo` names the binaries in `built`, or says what is in
/// `refused`.
#[expect(clippy::disallowed_methods, reason = "this is not part of any configuration")]
fn workshop(cloud: &Cloud) -> Command {
    let target = Utf8Path::new(env!("CARGO_BIN_EXE_cartctl")).parent().unwrap();
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let there = cloud.project.path("workspace");
    fs::create_dir_all(there.join("lambdas/contract")).unwrap();
    fs::create_dir_all(there.join("bin")).unwrap();
    fs::write(there.join("lambdas/contract/Cargo.toml"), "").unwrap();
    for shared in ["templates", ".venv"] {
        symlink(root.join(shared), there.join(shared)).unwrap();
    }
    for service in ["products", "cart"] {
        fs::copy(target.join(service), there.join("bin").join(service)).unwrap();
    }
    let message = |service: &str| {
        json!({
            "reason": "compiler-artifact", "executable": there.join("bin").join(service),
            "target": { "name": service, "kind": ["bin"] }, "fresh": true, "profile": { "test": false },
        })
    };
    let script = format!(
        "#!/bin/sh\nif [ -f '{there}/refused' ]; then cat '{there}/refused' >&2; echo '{}'; exit 101; fi\ncat <<'END'\n{}\n{}\nEND\n",
        json!({ "reason": "build-finished", "success": false }),
        message("products"),
        message("cart"),
    );
    let cargo = there.join("cargo");
    let written =
        Command::new("sh").args(["-c", r#"printf '%s' "$1" >"$0" && chmod +x "$0""#, cargo.as_str(), &script]).status().unwrap();
    assert!(written.success());
    let mut command = cloud.project.command(&["local", "--dev", "--no-shop"]);
    let path = std::env::var("PATH").unwrap();
    command.current_dir(&there).env("PATH", format!("{there}:{path}"));
    command
}

#[tokio::test]
async fn an_edited_function_is_swapped_and_one_that_does_not_compile_is_not() {
    let cloud = Cloud::new();
    let there = cloud.project.path("workspace");
    let mut running = workshop(&cloud).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(running.stdout.take().unwrap());
    assert!(stdout.lines().any(|line| line.unwrap().contains("until you press Ctrl-C")));
    let mut story = BufReader::new(running.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut told = |what: &str| story.find(|line| line.contains(what)).unwrap_or_else(|| panic!("it never says {what}"));
    let code = async || {
        let functions = cloud.read("lambda", "/2015-03-31/functions/").await["Functions"].take();
        let code = |function: &Value| (function["FunctionName"].to_string(), function["CodeSha256"].to_string());
        functions.as_array().unwrap().iter().map(code).collect::<BTreeMap<_, _>>()
    };
    let before = code().await;

    // What follows an executable is no part of it, but makes it another one.
    let binary = there.join("bin/products");
    fs::OpenOptions::new().append(true).open(&binary).unwrap().write_all(b"edited").unwrap();
    fs::create_dir_all(there.join("lambdas/products/src")).unwrap();
    fs::write(there.join("lambdas/products/src/main.rs"), "// edited").unwrap();
    assert!(told("swapped").contains("swapped the functions of products ("));
    let after = code().await;
    let changed: Vec<_> = before.iter().filter(|(name, code)| after[*name] != **code).map(|(name, _)| name).collect();
    assert!(!changed.is_empty() && changed.iter().all(|name| name.contains("product-mock")), "{changed:?}");
    let shop = Shop::of_stage(&cloud, "default");
    assert_eq!(shop.product("GET", "/product").await.status, 200, "the new one answers");

    fs::write(there.join("refused"), "error[E0425]: cannot find value `nothing` in this scope\n").unwrap();
    fs::write(there.join("lambdas/products/src/main.rs"), "nothing").unwrap();
    told("error[E0425]: cannot find value `nothing`");
    told("the services do not compile; the local cloud keeps the functions it has");
    assert_eq!(code().await, after);
    assert_eq!(shop.product("GET", "/product").await.status, 200);

    fs::remove_file(there.join("refused")).unwrap();
    fs::write(there.join("lambdas/products/src/main.rs"), "// as it was").unwrap();
    told("the functions are unchanged");
    interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    cloud.assert_stopped();
}
