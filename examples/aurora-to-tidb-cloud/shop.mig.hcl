# From an Aurora cluster in a VPC to a TiDB Cloud cluster, over VPC peering. An instance inside of the VPC does all the work.
# README.md in this folder explains each step.

mig {
  required_version = ">= 0.1"

  backend "local" {
    path = "shop.migstate"
  }
}

variable "source_password" {
  type        = string
  description = "Password of the Aurora user"
  sensitive   = true
  env         = "SHOP_SOURCE_PASSWORD"
}

variable "target_password" {
  type        = string
  description = "Password of the TiDB Cloud user"
  sensitive   = true
  env         = "SHOP_TARGET_PASSWORD"
}

variable "from" {
  type        = string
  description = "The network that mig runs in: only it may open SSH to the instance"
  default     = "203.0.113.7/32"
}

locals {
  region = "us-west-2"
}

# The credentials decide which account this is. They come from the environment, a profile, SSO or a role.
provider "aws" {
  region       = local.region
  default_tags = { project = "shop-to-tidb" }
}

# mig looks up the endpoint, VPC, subnets, security groups, version and bytes used.
source "aurora" "shop" {
  cluster_identifier = "database-1"
  username           = "admin"
  password           = var.source_password

  # The authorities of RDS: the file rds-global-bundle.pem in this folder.
  tls {
    ca_file = "rds"
  }
}

target "tidb" "cloud" {
  host     = "private-tidb.a1b2c3.clusters.tidb-cloud.com"
  port     = 4000
  username = "root"
  password = var.target_password
  tier     = "T1.standard"
  region   = local.region
}

# TiDB Cloud has requested the peering. mig accepts it and adds a route to the table of the runner's subnet.
peering "tidb_cloud" {
  target_cidr = "10.250.0.0/16"

  expect_requester {
    account_id = "380838443567"
    vpc_id     = "vpc-0tidb0000000000aa"
  }
}

runner "ec2" "mover" {
  instance_type = "t2.large"

  ami {
    owner = "309956199498"
    name  = "RHEL-8*_HVM-*-x86_64-*"
  }

  volume {
    size = "auto"
  }

  connection {
    user       = "ec2-user"
    allow_from = [var.from]
  }
}

migration "shop" {
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
  tables = ["shop.*", "!shop.audit_*"]

  gates {
    # Aurora's binlog is off by default, so nothing can prove that there are no writes during the move. With this line you
    # confirm that you have stopped the writers. mig then hashes the source again after the last chunk. The certificate
    # says that this is the evidence.
    accept_unproven = ["writes_stopped"]
  }
}
