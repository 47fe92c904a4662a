//! Measures every function as Lambda runs it: the packaged `bootstrap` in a small Runtime API loop, with tokens checked and logs
//! written, against a stub table that answers at once or against the local cloud. `tools/bench` runs it; nothing here fails for being
//! slow, but a wrong answer ends it.
//!
//! ```text
//! cart-bench [--rounds N] [--only HANDLER] [--sampled] [--cloud .venv/bin/ministack] DIR…
//! ```
//!
//! With `--sampled`, X-Ray wants to know of every request, and not of none. `DIR` is what `cartctl package --out DIR` wrote. Several are
//! measured in alternation, so that what else the machine does falls on all of them alike. What is said of a function is the median of the
//! rounds, each of which is a process of its own.

#![expect(clippy::unwrap_used, reason = "whoever measures sees the panic")]
#![expect(clippy::print_stdout, reason = "the figures are the answer")]

mod cloud;
mod functions;
mod http;
mod process;
mod runtime;
mod shop;
mod stub;

use std::{
    env, fs,
    io::{self, Read as _},
    net::UdpSocket,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use cart_contract::Service;
use serde_json::Value;

use self::{
    cloud::Cloud,
    functions::Function,
    process::{Process, Surroundings},
    runtime::Runtime,
    shop::Shop,
};

/// Where the shop's pages come from.
const ORIGIN: &str = "https://shop.example";

/// How many events a process gets after its first one: the first of them are not counted, since an allocator and a processor's caches
/// need some to settle.
const WARM: usize = 400;
const SETTLING: usize = 50;

/// The same against the local cloud, which is slow.
const WARM_IN_CLOUD: usize = 60;

/// What it has to be.
const INIT_AND_FIRST: Duration = Duration::from_millis(20);
const HALF: Duration = Duration::from_micros(500);
const RESIDENT: u64 = 15_000_000;
const ZIP: u64 = 4_000_000;

/// Of one process, or the medians of several.
#[derive(Clone, Copy)]
struct Figures {
    /// From the start to the request for the first event.
    init: Duration,
    /// From the start to the first answer.
    first: Duration,
    /// Half of the warm answers take no longer.
    half: Duration,
    /// All but a hundredth of them take no longer.
    nearly_all: Duration,
    /// How long a processor worked until the first answer was there, and for a warm one. Less depends on what else the machine does.
    busy_first: Duration,
    busy_warm: Duration,
    /// The bytes in memory at the end.
    resident: u64,
    /// How many calls a warm answer takes.
    calls: usize,
}

/// The packages of a folder.
struct Packages {
    folder: PathBuf,
    /// The service, its program, the size of the archive.
    services: Vec<(Service, PathBuf, u64)>,
}

fn main() {
    let (mut rounds, mut only, mut sampled, mut cloud, mut folders) = (7, None, false, None, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().unwrap().parse().unwrap(),
            "--only" => only = Some(arguments.next().unwrap()),
            "--sampled" => sampled = true,
            "--cloud" => cloud = Some(Cloud::start(Path::new(&arguments.next().unwrap()))),
            folder => folders.push(PathBuf::from(folder)),
        }
    }
    let temporary = env::temp_dir().join(format!("cart-bench-{}", std::process::id()));
    let packages: Vec<_> =
        folders.iter().enumerate().map(|(index, folder)| unpack(folder, &temporary.join(index.to_string()))).collect();
    let shop = Shop::open();
    let [aws, keys, products] = stub::start(&shop);
    let aws = cloud.as_ref().map_or(aws, Cloud::url);
    // X-Ray's daemon, which says nothing. What it is told is dropped when there is too much of it.
    let daemon = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let around =
        Surroundings { aws, keys, products, daemon: address, certificates: process::certificates(temporary.join("certificates")) };
    let mut functions = functions::all(&shop);
    functions.retain(|function| only.as_ref().is_none_or(|only| function.handler == only));

    let mut figures = vec![vec![Vec::new(); functions.len()]; packages.len()];
    for _ in 0..rounds {
        for (index, function) in functions.iter().enumerate() {
            for (packages, figures) in packages.iter().zip(&mut figures) {
                let program = &packages.service(function.service).1;
                figures[index].push(measure(function, program, &around, sampled, || {
                    let Some(cloud) = &cloud else { return WARM };
                    cloud.fill(&shop);
                    WARM_IN_CLOUD
                }));
            }
        }
    }
    for (packages, figures) in packages.iter().zip(figures) {
        let figures: Vec<_> = figures.iter().map(|rounds| Figures::median(rounds)).collect();
        tell(packages, &functions, &figures, cloud.is_some());
    }
    fs::remove_dir_all(temporary).unwrap();
}

/// Runs a function in a process of its own. `prepare` is called before each event, and says how many events there are to be.
fn measure(function: &Function, program: &Path, around: &Surroundings, sampled: bool, prepare: impl Fn() -> usize) -> Figures {
    let runtime = Runtime::new(sampled);
    let warm = prepare();
    runtime.send(&function.event);
    let process = Process::start(program, function.handler, &runtime.address, around);
    let init = runtime.ready() - process.started;
    let answer = runtime.answer();
    function.check(&answer.body);
    let first = answer.at - process.started;
    let busy_first = process.busy();
    let called_before = stub::calls();
    let mut took = Vec::new();
    for index in 0..warm {
        prepare();
        runtime.send(&function.event);
        let answer = runtime.answer();
        function.check(&answer.body);
        if index >= SETTLING.min(warm / 4) {
            took.push(answer.took);
        }
    }
    let busy_warm = process.busy().saturating_sub(busy_first) / u32::try_from(warm).unwrap();
    let resident = process.resident();
    let calls = (stub::calls() - called_before) / warm;
    let log = process.end();
    let complaint = log.lines().find(|line| line.contains("ERROR") || line.contains("WARN"));
    assert_eq!(complaint, None, "{} complains", function.handler);
    took.sort_unstable();
    Figures {
        init,
        first,
        half: took[took.len() / 2],
        nearly_all: took[took.len() * 99 / 100],
        busy_first,
        busy_warm,
        resident,
        calls,
    }
}

impl Figures {
    fn median(rounds: &[Self]) -> Self {
        fn of<T: Ord + Copy>(rounds: &[Figures], figure: impl Fn(&Figures) -> T) -> T {
            let mut all: Vec<_> = rounds.iter().map(figure).collect();
            all.sort_unstable();
            all[all.len() / 2]
        }
        Self {
            init: of(rounds, |figures| figures.init),
            first: of(rounds, |figures| figures.first),
            half: of(rounds, |figures| figures.half),
            nearly_all: of(rounds, |figures| figures.nearly_all),
            busy_first: of(rounds, |figures| figures.busy_first),
            busy_warm: of(rounds, |figures| figures.busy_warm),
            resident: of(rounds, |figures| figures.resident),
            calls: of(rounds, |figures| figures.calls),
        }
    }
}

impl Packages {
    fn service(&self, service: Service) -> &(Service, PathBuf, u64) {
        self.services.iter().find(|(known, ..)| *known == service).unwrap()
    }
}

/// Takes the programs out of the archives that a folder lists.
fn unpack(folder: &Path, to: &Path) -> Packages {
    let list: Value = serde_json::from_str(&fs::read_to_string(folder.join("packages.json")).unwrap()).unwrap();
    let services = Service::ALL.map(|service| {
        let package = list["packages"].as_array().unwrap().iter().find(|package| package["service"] == service.bin()).unwrap();
        let archive = folder.join(package["key"].as_str().unwrap());
        let size = fs::metadata(&archive).unwrap().len();
        let mut program = Vec::new();
        let mut archive = zip::ZipArchive::new(io::BufReader::new(fs::File::open(archive).unwrap())).unwrap();
        archive.by_name("bootstrap").unwrap().read_to_end(&mut program).unwrap();
        let path = to.join(service.bin()).join("bootstrap");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (service, path, size)
    });
    Packages { folder: folder.to_owned(), services: services.into() }
}

fn tell(packages: &Packages, functions: &[Function], figures: &[Figures], in_cloud: bool) {
    println!("\n{}\n", packages.folder.display());
    println!("| Function | Calls | Init | First response | Warm p50 | Warm p99 | Processor: first | Processor: warm | Resident |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (function, figures) in functions.iter().zip(figures) {
        let Figures { init, first, half, nearly_all, busy_first, busy_warm, resident, calls } = figures;
        println!(
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            function.handler,
            // Those to the local cloud are not counted.
            if in_cloud { "-".to_owned() } else { calls.to_string() },
            milliseconds(*init, 1),
            milliseconds(*first, 1),
            milliseconds(*half, 2),
            milliseconds(*nearly_all, 2),
            milliseconds(*busy_first, 1),
            milliseconds(*busy_warm, 2),
            megabytes(*resident),
        );
    }
    let together = |figure: fn(&Figures) -> Duration| milliseconds(figures.iter().map(figure).sum(), 1);
    let (first, warm) = (together(|figures| figures.busy_first), together(|figures| figures.busy_warm));
    println!("| together | | | | | | {first} | {warm} | |");
    println!("\n| Service | Binary | Zip |\n| --- | --- | --- |");
    for (service, program, zip) in &packages.services {
        println!("| {service} | {} | {} |", megabytes(fs::metadata(program).unwrap().len()), megabytes(*zip));
    }
    println!();
    if in_cloud {
        return;
    }
    let worst = |figure: fn(&Figures) -> Duration| figures.iter().map(figure).max().unwrap_or_default();
    let resident = figures.iter().map(|figures| figures.resident).max().unwrap_or_default();
    let zip = packages.services.iter().map(|(.., zip)| *zip).max().unwrap_or_default();
    let (first, half) = (worst(|figures| figures.first), worst(|figures| figures.half));
    for (what, bar, worst, met) in [
        ("first response", milliseconds(INIT_AND_FIRST, 1), milliseconds(first, 1), first < INIT_AND_FIRST),
        ("warm p50", milliseconds(HALF, 2), milliseconds(half, 2), half < HALF),
        ("resident", megabytes(RESIDENT), megabytes(resident), resident < RESIDENT),
        ("zip", megabytes(ZIP), megabytes(zip), zip < ZIP),
    ] {
        println!("{what:16} under {bar:8} at worst {worst:8} {}", if met { "met" } else { "NOT MET" });
    }
}

fn milliseconds(duration: Duration, digits: usize) -> String {
    format!("{:.digits$} ms", duration.as_secs_f64() * 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below the point where a float loses one")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
