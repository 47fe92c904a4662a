//! The code of the shop: one package for each service of the contract.

use cart_contract::Service;
use cfn::Package;

/// The packages of all services.
pub const ALL: [Package; 2] = [of(Service::Products), of(Service::Cart)];

/// The package of a service, which has the service's name.
#[must_use]
pub const fn of(service: Service) -> Package {
    Package::new(service.bin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_a_package_of_its_name() {
        assert_eq!(ALL, Service::ALL.map(of));
        assert_eq!(ALL.map(|package| package.to_string()), Service::ALL.map(|service| service.to_string()));
    }
}
