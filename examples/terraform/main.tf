# What the migration needs and Terraform builds: the network's addresses, the machine that the rows go through, and the
# password of the user that reads.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  type    = string
  default = "us-west-2"
}

variable "subnet_id" {
  type        = string
  description = "A subnet of the cluster's VPC"
}

variable "image_id" {
  type        = string
  description = "A Linux image for x86-64 with glibc 2.28 or later"
}

variable "key_name" {
  type        = string
  description = "The SSH key pair of the runner"
}

# Set it by TF_VAR_reader_password. It is in Terraform's state, which has to be protected for that reason.
variable "reader_password" {
  type        = string
  description = "Password of mig_reader on the source"
  sensitive   = true
}

variable "target_host" {
  type        = string
  description = "The address that TiDB Cloud shows for the cluster"
}

data "aws_rds_cluster" "shop" {
  cluster_identifier = "shop"
}

resource "aws_instance" "runner" {
  ami           = var.image_id
  instance_type = "m6i.large"
  subnet_id     = var.subnet_id
  key_name      = var.key_name

  root_block_device {
    volume_size = 200
  }

  tags = {
    Name = "mig-runner"
  }
}
