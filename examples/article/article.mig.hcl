# What PingCAP's article of 2020 does by hand, as a spec that runs the same programs: Dumpling writes the files, TiDB Lightning
# loads them with its backend tidb. README.md in this folder follows the article and names the step of each heading.

mig {
  required_version = ">= 0.1"
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

provider "aws" {
  region       = local.region
  default_tags = { project = "shop-to-tidb" }
}

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

  # Larger than the database: what Aurora uses x 1.3, rounded up.
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
  tables = ["shop.*"]

  # dumpling --filetype sql --threads 8 -F 256MiB --consistency none
  dump {
    engine    = "dumpling"
    binary    = "/usr/local/bin/dumpling"
    threads   = 8
    file_size = "256MiB"
  }

  # tidb-lightning -config … (backend = "tidb")
  load {
    engine = "lightning"
    binary = "/usr/local/bin/tidb-lightning"
  }

  gates {
    # Aurora has no FLUSH TABLES WITH READ LOCK, and its binlog is off by default: with this line you confirm that you have
    # stopped the writers.
    accept_unproven = ["writes_stopped"]
  }
}
